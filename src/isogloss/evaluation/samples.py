"""Sentences in many scripts, written for this project: what an export is checked on when there is no other text."""

from __future__ import annotations

SAMPLES: dict[str, tuple[str, ...]] = {
    "eng": ("The train to the coast leaves at 7:45 every morning.", "Why is the water in this well so cold?"),
    "deu": ("Der Zug an die Küste fährt jeden Morgen um 7:45 Uhr.", "Größere Straßen wurden gestern gesperrt."),
    "fra": ("Le marché ouvre tôt, même en hiver.", "Où as-tu trouvé cette vieille carte ?"),
    "spa": ("El niño compró tres naranjas en la plaza.", "¿A qué hora cierra la biblioteca?"),
    "tur": ("Çocuklar bahçede top oynuyor.", "Bu ışık neden hâlâ yanıyor?"),
    "eus": ("Gaur goizean elurra egin du mendian.", "Non dago geltokia?"),
    "yor": ("Ọmọ náà ra ọsàn mẹ́ta ní ọjà.", "Níbo ni ilé ìwé wà?"),
    "swa": ("Watoto wanacheza mpira uwanjani.", "Basi la kwenda mjini linaondoka saa ngapi?"),
    "hau": ("Yara suna wasa a filin makaranta.", "Ina littafin da na ba ka jiya?"),
    "ibo": ("Ụmụaka na-egwu bọọlụ n'ezi.", "Ebee ka ụlọ akwụkwọ dị?"),
    "vie": ("Sáng nay trời mưa rất to.", "Chợ mở cửa lúc mấy giờ?"),
    "rus": ("Поезд к морю отходит каждое утро.", "Почему вода в этом колодце такая холодная?"),
    "ell": ("Το τρένο φεύγει κάθε πρωί στις επτά.", "Πού είναι η αγορά;"),
    "kat": ("მატარებელი ყოველ დილით გადის.", "სად არის ბაზარი?"),
    "hye": ("Գնացքը մեկնում է ամեն առավոտ։", "Որտե՞ղ է շուկան։"),
    "heb": ("הרכבת יוצאת כל בוקר בשבע.", "איפה נמצא השוק?"),
    "ara": ("يغادر القطار كل صباح في الساعة السابعة.", "أين السوق؟"),
    "urd": ("ریل گاڑی ہر صبح سات بجے جاتی ہے۔", "بازار کہاں ہے؟"),
    "amh": ("ባቡሩ በየጠዋቱ ይነሳል።", "ገበያው የት ነው?"),
    "hin": ("रेलगाड़ी हर सुबह सात बजे जाती है।", "बाज़ार कहाँ है?"),
    "ben": ("ট্রেন প্রতিদিন সকালে ছাড়ে।", "বাজার কোথায়?"),
    "tam": ("ரயில் தினமும் காலையில் புறப்படும்.", "சந்தை எங்கே இருக்கிறது?"),
    "tha": ("รถไฟออกทุกเช้าเวลาเจ็ดโมง", "ตลาดอยู่ที่ไหน"),
    "zho": ("火车每天早上七点开。", "这口井里的水为什么这么冷？"),
    "jpn": ("電車は毎朝七時に出ます。", "市場はどこですか。"),
    "kor": ("기차는 매일 아침 일곱 시에 떠납니다.", "시장은 어디에 있습니까?"),
}
